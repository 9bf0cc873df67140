"""What the operator sees: numbers, health, log lines.

``metrics``  every number that a node counts, in one registry of its own
``health``   whether the node lives, whether it is ready, and why not
``http``     /healthz, /readyz and /metrics on a thread of their own
``logging``  one line a record, text or JSON, that no peer can forge
"""
