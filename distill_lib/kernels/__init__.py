"""Kernels without a finite feature map, and regression with any of them."""
