"""What the theorems are compared with: KIP, RFAD, networks trained on a set."""
