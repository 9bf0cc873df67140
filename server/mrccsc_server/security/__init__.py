"""What keeps strangers out, and guessing expensive.

``passwords``  argon2id off the event loop, in a bounded queue
``tokens``     session tokens and invite codes, and the digests that are stored of them
``throttle``   rates per key, and delays that grow with failed passwords
"""
