"""How well the map of each method marks what is known to matter: drawn scenes, and grids of four of them."""
