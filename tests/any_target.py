"""Any target, site and head that can be written down, for Hypothesis."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from gradviz_core.text import codec
from gradviz_core.types import (
    BoxScore,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    RegionScore,
    ScoreScale,
    Site,
    SiteSum,
    Target,
    Term,
    Unit,
)
from gradviz_core.types.heads import Head, OutputKind, Position, PredictedMask, Rectangle, Reduce, Region, WholeMap

TEXT = st.text(max_size=40)
COUNT = st.integers(0, codec.LARGEST_NUMBER)
COUNTS = st.lists(COUNT, max_size=4).map(tuple)
SITES = st.builds(Site, TEXT, COUNT, TEXT)
HEADS = st.builds(Head, st.none() | TEXT, st.none() | COUNT, st.none() | st.sampled_from(get_args(OutputKind)))
REGIONS: st.SearchStrategy[Region] = st.one_of(
    st.builds(WholeMap),
    st.builds(PredictedMask),
    st.builds(Position, COUNT, COUNT),
    st.builds(Rectangle, st.tuples(COUNT, COUNT), st.tuples(COUNT, COUNT)),
)
CLASSES = st.none() | COUNT
SCALES = st.sampled_from(get_args(ScoreScale))
REDUCTIONS = st.sampled_from(get_args(Reduce))
WEIGHTS = st.floats(-codec.LARGEST_WEIGHT, codec.LARGEST_WEIGHT) | st.integers(-3, 3)
TERMS = st.lists(st.builds(Term, COUNTS, WEIGHTS), max_size=4).map(tuple)
TARGETS: st.SearchStrategy[Target] = st.one_of(
    st.builds(ClassScore, CLASSES, SCALES, HEADS, st.booleans()),
    st.builds(ClassDifference, CLASSES, COUNT, HEADS),
    st.builds(CrossEntropy, COUNT, HEADS),
    st.builds(RegionScore, CLASSES, REGIONS, REDUCTIONS, SCALES, HEADS),
    st.builds(BoxScore, CLASSES, CLASSES, COUNT, st.none() | st.booleans(), REDUCTIONS, SCALES, HEADS),
    st.builds(Combination, TERMS, SITES),
    st.builds(Unit, SITES, COUNTS),
    st.builds(ChannelMean, SITES, COUNT),
    st.builds(SiteSum, SITES),
)
st.register_type_strategy(Target, TARGETS)  # by itself it takes classes as they were before they got their slots, too
