"""What a folder of data holds, and what is wrong with it."""
