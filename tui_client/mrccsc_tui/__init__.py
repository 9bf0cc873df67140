"""The terminal client. Everything but ``ui`` knows no Textual and serves scripts and bots as well.

``client``     the facade: what a person can do, and what is known
``state``      frozen models, one store, reducers, the cache on disk
``engine``     what goes on beneath the facade: the line, the store and the outbox in step
``link``       connection, reconnect, outbox, gap fill
``sanitize``   the one door for text that a peer wrote
``config``     the configuration file and its profiles; ``paths``: where files are; ``profile``: one profile's files
``cli``        one run of the command; ``arguments``: what may be typed; ``exits``: its exit codes
``scripts``    send, tail, export: the client without a screen
``local``      a server of one's own, started when none runs
``ui``         the screens. ``ui.app.run(client, options) -> exit code`` and ``ui.themes.names()`` are all that the
               rest knows of it, imported only when a screen is wanted
"""
