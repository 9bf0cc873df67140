"""A whole cluster from the programs of this machine: for trying it out, for the tests, and for breaking it on purpose.

``process``   one program: started, watched, stopped, frozen, killed; ends with whoever started it
``mariadb``   a MariaDB server of one's own
``redis``     a Redis server of one's own
``nginx``     nginx with the configuration that operators get
``node``      one node
``cluster``   all of them together; ``python -m tools.cluster`` is ``make cluster``
"""
