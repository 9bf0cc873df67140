"""The use cases, one module each. They stand on the ports and know neither sockets nor SQL.

``wiring``       all of them, put together; ``background`` runs what nobody awaits
``live``         delivery, in seq order, to the users, connections and conversations that are live on this node
``roster``       their records
``session``      a signed-in connection, and which part of each log it is to hear
``gaps``         fetching what is missing here
``sweep``        finding in the database what no hint brought; ``hint_dispatcher`` passes on what hints bring
``renewal``      telling anew what only hints carry
``gap_handler``  what they need from whoever can read the log
``log``          the heart: operations → group commit → delivery in seq order; ``committing`` what is in flight
``digest``       the keyed digest that tells a retry from a conflict
``sign_in``      letting users in and out; ``resuming`` lets them in by token, ``door`` says how fast
``opening``      opening sessions, those that come within a moment together; ``ready`` the line that they begin with
``batcher``      doing at once what comes within a moment
``people``       contacts and finding users
``rooms``        conversations: direct and groups, members, read marks, typing
``reading``      pages of history and search; ``index_pacing`` when the search index is worked on
``presence``     who is here, on all nodes, with a grace for those who move
``limits``       the rates that apply to a signed-in user
"""
