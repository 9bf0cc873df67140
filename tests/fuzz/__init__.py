"""Whatever comes from outside, in any damaged form: it is taken or refused in words, never a traceback.

A **target** is a function that takes bytes and raises when a promise is broken. It is fed what stands in ``corpus``
(each input that once broke something, and seeds), and what ``hypothesis`` makes of well-formed input and of the corpus:
damaged, cut, doubled, spliced.

``inputs``   how such input is made
``shared``   targets in what both sides share: framing, requests, frames, texts
``server``   targets in the server: PROXY headers, hints, search, URLs and settings
``client``   targets in the client: a hostile server, what is shown, the configuration
``disk``     damaged files of the client: outbox, cache, notes
``targets``  all of them by name
``hunt``     many inputs for one target

``make test`` has a short, fixed slice. ``make fuzz ARGS='--seconds 600 --seed 7'`` goes on for as long as it is told;
what it finds goes into the corpus in its smallest form.
"""
