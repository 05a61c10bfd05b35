"""A file that was reduced counts as the file that was made."""

import os
from pathlib import Path

import pytest

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import provenance, sha256_as_made, sha256_of_file
from saltflow.base.reduced_file import reduced

TIME_NS = 1_600_000_000_123_456_789


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "product.h5md"
    path.write_text("all of it")
    os.utime(path, ns=(TIME_NS, TIME_NS))
    return path


def reduce_to(path: Path, content: str, *, full: bool = False) -> None:
    with reduced(path) as temporary:
        temporary.write_text(content)
        if full:
            raise OSError("the disk is full")


def test_a_reduced_file_keeps_its_time_and_the_hash_under_which_it_was_made(product):
    made, recorded = sha256_of_file(product), provenance(settings={}, inputs={"product": product})
    reduce_to(product, "a part")
    assert product.read_text() == "a part"
    assert sha256_as_made(product) == made != sha256_of_file(product)
    assert provenance(settings={}, inputs={"product": product}) == recorded
    reduce_to(product, "less")
    assert sha256_as_made(product) == made
    assert product.stat().st_mtime_ns == TIME_NS


def test_the_record_holds_for_no_other_content(product):
    reduce_to(product, "a part")
    product.write_text("made anew")
    assert sha256_as_made(product) == sha256_of_file(product)


def test_a_reduction_that_fails_leaves_the_file_as_it_was(product):
    made = sha256_of_file(product)
    with pytest.raises(OSError, match="full"):
        reduce_to(product, "a", full=True)
    assert sha256_as_made(product) == sha256_of_file(product) == made
    assert list(product.parent.iterdir()) == [product]


def test_a_long_job_is_not_done_again_for_a_reduced_product_but_for_a_damaged_one(product):
    job = LongJob([product], "settings", inputs=[])
    with job.scratch():
        pass
    reduce_to(product, "a part")
    assert LongJob([product], "settings", inputs=[]).is_done()
    product.write_text("a pa")
    assert not LongJob([product], "settings", inputs=[]).is_done()


def test_a_job_that_read_a_file_before_it_was_reduced_has_the_same_request(product, tmp_path):
    target = tmp_path / "result"
    with LongJob([target], "settings", inputs=[product]).scratch():
        target.write_text("result")
    reduce_to(product, "a part")
    assert LongJob([target], "settings", inputs=[product]).is_done()
