"""The cluster on Redis.

===============  ===========================================================================================
``address``      where Redis is, and which client is able to speak to it
``wire``         what is asked of a client; ``plain`` (asyncio-redis) and ``secure`` (redis-py) give it;
                 ``replies`` reads what Redis answers
``link``         keeps a wire up: time limits, supervision, beginning anew
``lua``          the scripts inside Redis, and the map of its keys
``hints``        hints as lines
``bus``          sends and hears them; ``outgoing`` is its queue, ``interest`` what the node follows
``nodes``        leases and beats; ``presence`` who is here; ``throttles`` rates across nodes
``call_batcher`` calls that share a round trip
``cluster``      puts it together
===============  ===========================================================================================

Every call has a time limit, every failure ends the wire, and every new wire begins with the same steps: subscribe,
register, hear oneself, follow everything anew, say who is here, and only then count as connected and look for gaps.
"""
