"""Linear algebra behind the theorems: pseudoinverses, numerical rank, least squares."""
