"""What reviews say: words, feelings, aspects, quotes, copies and spam."""
