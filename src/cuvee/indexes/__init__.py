"""How the best items are found where there are very many."""
