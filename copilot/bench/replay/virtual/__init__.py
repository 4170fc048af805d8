"""Replays in virtual time: a clock that jumps, an engine of fixed cost. For comparing policies, never for timings."""
