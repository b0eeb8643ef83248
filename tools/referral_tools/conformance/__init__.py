"""What another implementation can be held against: a made-up world, its vectors, their runner.

Law: everything here is made from fixed seeds and fixed times, so that the same vectors come out on
every machine; only what the sealing library draws by itself is new each time, and therefore stored.
The keys of this world are public. They protect nobody.
"""
