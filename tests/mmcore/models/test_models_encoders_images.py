"""Encoders of images, tables and sets against their equations and published sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmcore.models.cost import count_parameters
from mmcore.models.encoders.deep_sets import DeepSets
from mmcore.models.encoders.feature_tokenizer import FeatureTokenizer
from mmcore.models.encoders.lenet import LeNet
from mmcore.models.encoders.maxout import Maxout, MaxoutPerceptron
from mmcore.models.encoders.normalisation import BatchNormalisation, image_norm
from mmcore.models.encoders.precision import without_autocast_on_cpu
from mmcore.models.encoders.resnet import PreactivationBlock, ResidualBlock, ResNet, for_shape
from mmcore.models.encoders.set_transformer import SetTransformer


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found, expected, atol=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


def test_the_lenets_of_avmnist_have_the_published_number_of_parameters():
    """MultiBench, late fusion on AV-MNIST: 260 922 with 48 + 192 features, the head 240 -> 100 -> 10 among them."""
    image = LeNet((28, 28), 1, filters=6, depth=3, project=False)
    audio = LeNet((112, 112), 1, filters=6, depth=5, project=False)
    head = 240 * 100 + 100 + 100 * 10 + 10
    assert (image.features, audio.features) == (48, 192)
    assert count_parameters(image) + count_parameters(audio) + head == 260_922
    assert count_parameters(LeNet((28, 28), 1, project=False)) == count_parameters(image)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (5, 3), (28, 20), (33, 128)])
@pytest.mark.parametrize("build", [LeNet, None])
def test_any_image_size_and_number_of_channels_works(size, build):
    for channels in (1, 2, 4):
        encoder = (LeNet(size, channels, width=5) if build else for_shape((*size, channels), width=5, filters=2)).eval()
        assert encoder(torch.zeros(1, *size, channels)).shape == (1, 5)
        if channels == 1:
            images = torch.randn(3, *size)
            assert torch.equal(encoder(images), encoder(images[..., None]))
            assert torch.isfinite(encoder.train()(images[:1])).all()


def test_a_lenet_block_by_hand():
    """A first kernel that copies its channel, identity norm: relu and a 2 x 2 maximum of the image are left."""
    encoder = LeNet((2, 4), 1, filters=1, depth=0, project=False).eval()
    convolution, norm = encoder.layers[0], encoder.layers[1].norm
    convolution.weight.data.zero_()[0, 0, 2, 2] = 1.0
    norm.eps = 0.0
    image = torch.tensor([[[1.0, -2.0, -3.0, -4.0], [5.0, 6.0, -7.0, -8.0]]])
    assert encoder(image).tolist() == [[6.0, 0.0]]


def test_resnet_18_has_the_published_number_of_parameters():
    """He et al. 2016: 11 689 512 with 3 channels and 1000 outputs."""
    assert count_parameters(ResNet(3, width=1000)) == 11_689_512
    assert count_parameters(ResNet(3, width=1000, norm="group")) == 11_689_512


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("small", [False, True])
def test_resnet_parameters_match_the_formula(preactivation, small):
    c, f, outputs = 2, 4, 7
    stages = [f, 2 * f, 4 * f, 8 * f]
    convolutions = c * f * (9 if small else 49)
    convolutions += sum(9 * (before * after + 3 * after * after) for before, after in zip([f, *stages], stages))
    convolutions += sum(before * after for before, after in pairwise(stages))
    if preactivation:
        normed = sum(before + 3 * after for before, after in zip([f, *stages], stages)) + stages[-1]
        normed += 0 if small else f
    else:
        normed = f + sum(4 * after for after in stages) + sum(stages[1:])
    built = ResNet(c, width=outputs, filters=f, small=small, preactivation=preactivation)
    assert count_parameters(built) == convolutions + 2 * normed + stages[-1] * outputs + outputs
    assert len([m for m in built.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]) == 17


def test_a_pre_activation_block_without_a_branch_is_the_identity():
    """He et al. 2016, Identity mappings, equation 3: h' = h + F(h)."""
    images = normal(2, 3, 5, 4)
    block = PreactivationBlock(3, 3, 1, "batch").double().eval()
    block.second.weight.data.zero_()
    assert torch.equal(block(images), images)
    residual = ResidualBlock(3, 3, 1, "batch").double().eval()
    residual.second.weight.data.zero_()
    assert torch.equal(residual(images), images.relu())


def test_stems_by_size_of_the_image():
    def kernel(shape, **options):
        return for_shape(shape, filters=2, width=2, **options).layers[0].kernel_size

    assert kernel((28, 28)) == (3, 3) and kernel((64, 64, 3)) == (7, 7)
    assert kernel((28, 28), stem="standard") == (7, 7) and kernel((64, 64, 3), stem="small") == (3, 3)


def test_group_norm_rows_do_not_depend_on_each_other_in_training():
    torch.manual_seed(0)
    encoder = ResNet(1, width=4, filters=4, small=True, norm="group", dropout=0.0).double().train()
    images = normal(3, 8, 8)
    close(encoder(images)[:1], encoder(images[:1]))


def test_batch_norm_equals_that_of_torch_and_survives_a_single_value():
    ours, theirs = BatchNormalisation(3).double(), nn.BatchNorm1d(3).double()
    values = normal(6, 3)
    assert torch.equal(ours(values), theirs(values))
    alone, before = normal(1, 3, seed=1), ours.norm.running_mean.clone()
    found = ours.train()(alone)
    assert torch.equal(found, theirs.eval()(alone)) and torch.equal(ours.norm.running_mean, before)
    with pytest.raises(ValueError, match="more than 1 value"):
        theirs.train()(alone)


def test_a_group_norm_has_sixteen_channels_a_group():
    values = normal(2, 32, 3, 3)
    normed = image_norm("group", 32).double()(values).reshape(2, 2, 16 * 9)
    close(normed.mean(2), torch.zeros(2, 2, dtype=torch.float64))
    close(normed.var(2, unbiased=False), torch.ones(2, 2, dtype=torch.float64), atol=1e-4)


def test_autocast_is_left_on_a_cpu_and_comes_back():
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with without_autocast_on_cpu(ones):
            assert (ones @ ones).dtype == torch.float32
        assert (ones @ ones).dtype == torch.bfloat16


def test_maxout_by_hand():
    layer = Maxout(2, 2, pool=2)
    layer.linear.weight.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    layer.linear.bias.data = torch.tensor([0.0, 0.0, 0.5, 0.0])
    # the first unit is |x_1|, the second max(x_2 + 1/2, 2 x_1)
    assert layer(torch.tensor([[-3.0, 1.0], [2.0, 1.0]])).tolist() == [[3.0, 1.5], [2.0, 4.0]]


def test_a_maxout_perceptron_equals_its_equation():
    torch.manual_seed(0)
    encoder = MaxoutPerceptron(3, width=4, depth=2, pool=3, dropout=0.0).double().train()
    values = normal(9, 3)

    def normed(x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-4).sqrt()

    hidden = normed(values)
    for layer in (encoder.layers[1], encoder.layers[4]):
        weight, bias = layer.linear.weight.reshape(4, 3, -1), layer.linear.bias.reshape(4, 3)
        pieces = torch.einsum("bi,upi->bup", hidden, weight) + bias
        hidden = normed(pieces.max(2).values)
    close(encoder(values), hidden)
    # norms 2 * 3, 2 * 4, 2 * 4; pieces (3 + 1) * 12 and (4 + 1) * 12
    assert count_parameters(encoder) == 6 + 8 + 8 + 48 + 60


def test_deep_sets_by_hand():
    """phi the identity of positive numbers: rho sees mean, maximum and log of one more than the size."""
    encoder = DeepSets(1, width=1, depth=1, dropout=0.0).double()
    encoder.element[0].weight.data.fill_(1.0)
    encoder.element[0].bias.data.zero_()
    encoder.project[0].weight.data = torch.tensor([[100.0, 10.0, 1.0]], dtype=torch.float64)
    encoder.project[0].bias.data.zero_()
    values = torch.tensor([[[1.0], [3.0], [50.0]], [[9.0], [9.0], [9.0]]], dtype=torch.float64)
    close(encoder(values, torch.tensor([2, 0])), torch.tensor([[230.0 + torch.log(torch.tensor(3.0).double())], [0.0]]))


def test_the_sum_over_a_set_adds_over_its_parts():
    encoder = DeepSets(3, width=4, pooling=("sum",), dropout=0.0).double()
    encoder.project = nn.Identity()
    values = normal(2, 7, 3)
    close(encoder(values), encoder(values[:, :3]) + encoder(values[:, 3:]))


def test_saying_every_element_twice_changes_sums_and_sizes_but_no_mean_maximum_or_attention():
    """Softmax weights of duplicates halve; of the pools of deep sets only sum and size notice."""
    values = normal(2, 5, 3)
    twice = torch.cat([values, values], 1)
    for encoder in (SetTransformer(3, width=8), DeepSets(3, width=8, pooling=("mean", "max"))):
        encoder = encoder.double().eval()
        close(encoder(twice), encoder(values))
    for pooling in (("sum",), ("mean", "size")):
        encoder = DeepSets(3, width=8, pooling=pooling).double().eval()
        assert not torch.allclose(encoder(twice), encoder(values))


def test_an_empty_set_is_zero_in_a_set_transformer():
    torch.manual_seed(0)
    encoder = SetTransformer(3, width=8).double().eval()
    values = normal(1, 4, 3)
    assert not encoder(values, torch.tensor([0])).any()
    assert not encoder(values[:, :0]).any()


def test_a_feature_tokenizer_does_not_depend_on_the_order_of_columns():
    torch.manual_seed(0)
    encoder = FeatureTokenizer(5, width=8).double().eval()
    values, order = normal(3, 5), torch.tensor([3, 1, 4, 0, 2])
    before = encoder(values)
    assert not torch.allclose(encoder(values[:, order]), before)
    for parameter in (encoder.weight, encoder.bias):
        parameter.data = parameter.data[order]
    close(encoder(values[:, order]), before)


def test_a_feature_tokenizer_computes_all_tokens_where_it_matters():
    """Its last layer for the cls token alone equals the whole layer's first row."""
    torch.manual_seed(0)
    encoder = FeatureTokenizer(5, width=8).double().eval()
    values = normal(3, 5)
    tokens = torch.stack([values[:, j, None] * encoder.weight[j] + encoder.bias[j] for j in range(5)], 1)
    hidden = torch.cat([encoder.cls.expand(3, 1, 8), tokens], 1)
    for layer in encoder.layers:
        hidden = layer(hidden)
    close(encoder(values), encoder.norm(hidden[:, 0]))


def test_feature_tokenizer_parameters_match_the_formula():
    n, d, hidden, layers = 5, 8, 16, 3
    layer = 4 * (d * d + d) + (d * hidden + hidden + hidden * d + d) + 2 * 2 * d
    # one norm fewer: the first layer's attention sees tokens as they are (Gorishniy et al. 2021, section 3.3)
    assert (
        count_parameters(FeatureTokenizer(n, width=d, layers=layers)) == 2 * n * d + d + layers * layer - 2 * d + 2 * d
    )


@pytest.mark.parametrize("build", [lambda: SetTransformer(3, width=8), lambda: FeatureTokenizer(15, width=8)])
def test_operations_can_be_counted_without_gradients(build):
    """torch's counter refuses a view of a parameter as a module's input there, and sees nothing in fused layers."""
    encoder = build().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder(torch.zeros(1, 5, 3))
    assert counter.get_total_flops() > 2 * 8 * 8
