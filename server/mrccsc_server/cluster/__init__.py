"""What nodes say to each other.

``memory``  the bus within one process: enough for a node that is alone
"""
