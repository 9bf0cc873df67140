"""The faults that a nemesis has, one class each.

``base``     what a fault is
``process``  nodes killed at chosen points, stopped, restarted, with a full or read-only disk, with a wrong clock
``network``  links between clients and nodes cut, held, slowed; everybody comes back at once; somebody never reads
``hints``    hints dropped, doubled, reordered
``services`` the database, the bus, the balancer, and the links to them
``locks``    lock timeouts and deadlocks in the database
``restore``  a backup in place of the store
``kinds``    all kinds by system
"""
