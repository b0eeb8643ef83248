"""Delivery: what leaves this node by itself. The courier to peers, the poller to the directory."""
