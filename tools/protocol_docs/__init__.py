"""The protocol's documents, made from the models that both sides obey.

``schema``    the JSON Schema of every request and frame
``tables``    the schema as Markdown tables
``glossary``  what each field means, in one line
``__main__``  writes docs/protocol.schema.json and the generated regions of docs/protocol.md, or checks them

``python -m tools.protocol_docs [--check]``
"""
