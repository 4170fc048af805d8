"""What text may do to people and machines, and how it is kept from that."""
