"""From executed notebooks and prose to a site."""
