"""Linear algebra behind the theorems: pseudoinverse, rank, least squares."""
