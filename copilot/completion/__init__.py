"""The completion session: what is asked, kept, cut and thrown away while someone types. No I/O."""
