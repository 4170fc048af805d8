"""Who asked what kind of thing, when, and how it went: events on a bus that never slows a stream."""
