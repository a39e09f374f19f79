import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_progseg.guidance import regions_scipy, regions_tensor
from napari_progseg.guidance.simulate import (
    draw_click_counts,
    first_clicks,
    innermost_points,
    largest_error,
    next_clicks,
    regions_at,
)

METHODS = ["scipy", "tensors"]


def mask(*rows):
    """One sample from strings: '#' is marked."""
    return torch.tensor([[[letter == "#" for letter in row] for row in rows]])


def random_masks(batch, shape, density, seed):
    """Blobs, or noise where the smoothing is small."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(batch, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, *(rng.choice([0.0, 1.0, 3.0]),) * len(shape)))
    return torch.from_numpy(smooth > np.quantile(smooth, 1 - density))


def winding_path(n=33):
    """A region one voxel wide that winds to and fro."""
    path = torch.zeros((1, n, n), dtype=torch.bool)
    path[:, ::2] = True
    path[:, 1::4, -1] = True
    path[:, 3::4, 0] = True
    return path


@pytest.mark.parametrize("method", METHODS)
def test_the_region_at_a_voxel_is_the_connected_one_or_none(method):
    two = mask("##..#", "#..##", "...#.").repeat(3, 1, 1)
    regions = regions_at(two, torch.tensor([0, 13, 2]), method)
    assert torch.equal(regions[0], mask("##...", "#....", ".....")[0])
    assert torch.equal(regions[1], mask("....#", "...##", "...#.")[0])
    assert not regions[2].any()


@pytest.mark.parametrize("method", METHODS)
class TestInnermostPoint:
    def test_of_a_ring_lies_in_the_ring_and_not_in_its_hole(self, method):
        ring = mask("#######", "#######", "##...##", "##...##", "##...##", "#######", "#######")
        points, found = innermost_points(ring, method)
        assert found.tolist() == [True]
        assert points.tolist() == [[1, 1]]

    def test_of_an_object_cut_by_the_border_keeps_away_from_the_border(self, method):
        points, _ = innermost_points(mask("#####..", "#####..", "#####..", "#####..", "#####.."), method)
        assert points.tolist() == [[2, 2]]

    def test_of_a_full_patch_is_its_centre(self, method):
        points, found = innermost_points(torch.ones((1, 9, 7, 5), dtype=torch.bool), method)
        assert found.all()
        # a ridge of equally deep voxels: the first in C order
        assert points.tolist() == [[2, 2, 2]]

    def test_of_a_hollow_ball_lies_in_its_shell(self, method):
        z, y, x = torch.meshgrid(*[torch.arange(13.0) - 6] * 3, indexing="ij")
        radius = (z**2 + y**2 + x**2).sqrt()
        shell = ((radius > 2.5) & (radius < 5.8))[None]
        points, found = innermost_points(shell, method)
        assert found.all()
        assert 3.5 < radius[tuple(points[0])] < 4.8

    def test_of_a_volume_cut_by_the_border_keeps_away_from_all_its_sides(self, method):
        block = torch.zeros((1, 9, 9, 9), dtype=torch.bool)
        block[:, :5, :5, :5] = True
        assert innermost_points(block, method)[0].tolist() == [[2, 2, 2]]

    def test_of_nothing_is_not_found(self, method):
        points, found = innermost_points(torch.zeros((2, 5, 5), dtype=torch.bool), method)
        assert found.tolist() == [False, False]
        assert points.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("method", METHODS)
class TestLargestError:
    target = mask("####......", "####......", "####......", "..........", "..........")

    def test_missing_region_asks_for_an_inside_click(self, method):
        clicks = next_clicks(torch.zeros_like(self.target), self.target, method=method)
        assert clicks.inside.tolist() == [True]
        assert clicks.positions.tolist() == [[1, 1]]

    def test_surplus_region_asks_for_an_outside_click(self, method):
        surplus = mask("####......", "####......", "####...###", ".......###", ".......###")
        clicks = next_clicks(surplus, self.target, method=method)
        assert clicks.inside.tolist() == [False]
        assert clicks.found.tolist() == [True]
        assert clicks.positions.tolist() == [[3, 8]]

    def test_the_larger_of_two_components_is_taken_by_area_not_by_depth(self, method):
        prediction = mask("##########", "..........", "..........", ".....###..", ".....###..")
        target = mask("..........", "..........", "..........", "..........", "..........")
        component, inside, _ = largest_error(prediction, target, method=method)
        assert component[0, 0].all()
        assert component.sum() == 10
        assert not inside

    def test_missing_and_surplus_regions_side_by_side_are_not_one_error(self, method):
        target, prediction = mask("####...###"), mask("....#####.")
        component, inside, _ = largest_error(prediction, target, method=method)
        assert component.equal(mask("####......"))
        assert inside

    def test_diagonal_neighbours_are_two_components(self, method):
        target = mask("##...", "##...", "..###", "..###")
        component, _, _ = largest_error(torch.zeros_like(target), target, method=method)
        assert component.sum() == 6

    def test_of_equal_areas_missing_goes_before_surplus_and_early_before_late(self, method):
        prediction, target = mask("##......"), mask("...##.##")
        component, inside, _ = largest_error(prediction, target, method=method)
        assert inside
        assert component.equal(mask("...##..."))

    def test_no_error_and_errors_below_the_least_size_give_no_click(self, method):
        for prediction, least, expected in [
            (self.target, 0, False),
            (~self.target, 39, False),
            (~self.target, 38, True),
        ]:
            component, inside, found = largest_error(prediction, self.target, least, method)
            assert found.tolist() == [expected]
            assert component.any() == expected
            assert not inside
        assert not next_clicks(self.target, self.target, method=method).found

    def test_samples_of_a_batch_do_not_touch_each_other(self, method):
        target = torch.cat((mask("##..", "##.."), mask("....", "...."), mask("...#", "...#")))
        prediction = torch.zeros_like(target)
        clicks = next_clicks(prediction, target, method=method)
        assert clicks.found.tolist() == [True, False, True]
        assert clicks.positions[2].tolist() == [0, 3]


@pytest.mark.parametrize("shape", [(24, 31), (9, 12, 14)])
@pytest.mark.parametrize("seed", range(12))
def test_scipy_and_tensors_give_the_same_clicks(shape, seed):
    density = (0.1, 0.4, 0.7)[seed % 3]
    prediction, target = random_masks(6, shape, density, seed), random_masks(6, shape, density, seed + 100)
    prediction[0], target[0] = False, False
    first, second = (largest_error(prediction, target, 3, method) for method in METHODS)
    for one, other in zip(first, second, strict=True):
        assert one.equal(other)
    first, second = (next_clicks(prediction, target, 3, method) for method in METHODS)
    assert first.positions.equal(second.positions)


@pytest.mark.parametrize("shape", [(24, 31), (9, 12, 14), (17,)])
@pytest.mark.parametrize("seed", range(6))
def test_squared_distances_are_those_of_scipys_transform(shape, seed):
    masks = random_masks(4, shape, (0.3, 0.6, 0.95)[seed % 3], seed)
    for one, of_batch in zip(masks.numpy(), regions_tensor.squared_distances(masks).numpy(), strict=True):
        exact = np.rint(ndimage.distance_transform_edt(np.pad(one, 1)) ** 2)
        exact = exact[(slice(1, -1),) * one.ndim]
        np.testing.assert_array_equal(regions_scipy.squared_distances(one), exact)
        np.testing.assert_array_equal(of_batch, exact)


def test_distances_too_deep_for_int16_do_not_overflow():
    full = np.ones((401, 401), dtype=bool)
    assert regions_scipy.squared_distances(full).max() == 201**2


def test_a_winding_path_is_one_component_for_both():
    path = winding_path()
    for method in METHODS:
        component, _, _ = largest_error(torch.zeros_like(path), path, method=method)
        assert component.equal(path)


class TestFirstClick:
    nothing = torch.zeros((1, 5, 7), dtype=torch.bool)
    former = mask("###....", "###....", "###....", ".......", ".......")
    marked = mask(".......", ".......", "....###", "....###", "....###")

    @pytest.fixture
    def generator(self):
        return torch.Generator().manual_seed(0)

    @pytest.mark.parametrize("method", METHODS)
    def test_goes_to_the_innermost_point_of_the_object(self, generator, method):
        clicks = first_clicks(self.former, self.former, self.marked, generator, method)
        assert clicks.inside.tolist() == [True]
        assert clicks.positions.tolist() == [[1, 1]]

    @pytest.mark.parametrize("method", METHODS)
    def test_without_object_goes_outside_to_what_the_model_marks(self, generator, method):
        clicks = first_clicks(self.nothing, self.former, self.marked, generator, method)
        assert clicks.inside.tolist() == [False]
        assert clicks.positions.tolist() == [[3, 5]]

    @pytest.mark.parametrize("prediction", [None, nothing])
    def test_where_the_model_marks_nothing_goes_to_the_former_object(self, generator, prediction):
        clicks = first_clicks(self.nothing, self.former, prediction, generator)
        assert clicks.inside.tolist() == [False]
        assert clicks.found.tolist() == [True]
        assert clicks.positions.tolist() == [[1, 1]]

    def test_where_there_never_was_an_object_goes_anywhere_by_the_generator(self):
        empty = self.nothing.expand(4000, -1, -1)
        first, second = (first_clicks(empty, empty, None, torch.Generator().manual_seed(7)) for _ in range(2))
        assert first.positions.equal(second.positions)
        assert not first.inside.any()
        assert len(first.positions.unique(dim=0)) == 35
        other = first_clicks(empty, empty, None, torch.Generator().manual_seed(8))
        assert not first.positions.equal(other.positions)

    def test_each_sample_of_a_batch_follows_its_own_rule(self, generator):
        target = torch.cat((self.former, self.nothing, self.nothing))
        former = torch.cat((self.former, self.former, self.former))
        prediction = torch.cat((self.marked, self.marked, self.nothing))
        clicks = first_clicks(target, former, prediction, generator)
        assert clicks.inside.tolist() == [True, False, False]
        assert clicks.positions.tolist() == [[1, 1], [3, 5], [1, 1]]


def test_click_counts_are_one_to_most_and_all_occur():
    counts = draw_click_counts(500, 5, torch.Generator().manual_seed(0))
    assert counts.unique().tolist() == [1, 2, 3, 4, 5]
    assert counts.bincount().amin() == 0
    assert counts.bincount()[1:].amin() > 60


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(64, 64), (32, 40, 24)])
def test_the_device_gives_the_same_clicks_as_the_cpu(shape):
    prediction, target = random_masks(8, shape, 0.4, 1), random_masks(8, shape, 0.4, 2)
    here, there = next_clicks(prediction, target), next_clicks(prediction.cuda(), target.cuda())
    assert there.positions.is_cuda
    for name in ("positions", "inside", "found"):
        assert getattr(here, name).equal(getattr(there, name).cpu())
