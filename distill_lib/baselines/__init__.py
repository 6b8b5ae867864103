"""The methods that the theorems are compared with:

KIP, RFAD, label solving, networks trained on a set.
"""
