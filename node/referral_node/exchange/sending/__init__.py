"""What our people write: drafts, the message that comes of one, its way into the outbox."""
