"""The table of silos, on the digits."""

from distill_lib.experiments import federated


def test_more_silos_and_less_epsilon_cost_accuracy_and_exact_statistics_nothing():
    rows, apart = federated.utility("digits", silos=(1, 8), epsilons=(0.5, 50), draws=3)
    assert apart < 1e-9
    one, eight = rows
    assert one["exact"] == eight["exact"]
    assert one["epsilon 50"][0] > eight["epsilon 50"][0] - 1
    assert one["epsilon 50"][0] > one["epsilon 0.5"][0] + 5
    assert one["exact"] > one["epsilon 0.5"][0] + 5
    assert eight["epsilon 50"][1] >= 0


def test_exact_statistics_of_few_images_are_the_images():
    found = federated.revealed("digits")
    assert set(found) == {"one image", "one of each class", "one added to many"}
    assert max(found.values()) < 1e-6
