"""A whole cluster from the programs of this machine: for trying it out, for the tests, and for breaking it on purpose.

``process``   one program: started, watched, stopped, frozen, killed; ends with whoever started it
``mariadb``   a MariaDB server of one's own
"""
