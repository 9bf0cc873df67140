"""What the documents say of the protocol and its limits, made from the models that both sides obey.

``schema``    the JSON Schema of every request and frame
``tables``    the schema as Markdown tables
``glossary``  what each field means, in one line
``limits``    the limits that an operator may change
``__main__``  writes docs/protocol.schema.json and the generated regions of the other documents, or checks them

``python -m tools.protocol_docs [--check]``
"""
