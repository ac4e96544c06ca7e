"""What a ranker is made of: what it may know of a pair, its networks, its training, how labels are judged."""
