"""Which patient to label next: typical, uncertain or drawn at random, with the reason in words."""
