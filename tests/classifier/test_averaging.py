"""A weighted mean of the weights at two times."""

import torch

from wsal.classifier.averaging import average_with, copy_of_weights


def test_every_weight_is_a_mean_of_both_times_and_counts_stay():
    model = torch.nn.BatchNorm1d(3)
    earlier = copy_of_weights(model)
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.num_batches_tracked.fill_(7)
    average_with(model, earlier, 0.75)
    assert model.weight.tolist() == [2.5, 2.5, 2.5]
    assert int(model.num_batches_tracked) == 7
    assert earlier["weight"].tolist() == [1.0, 1.0, 1.0]
