"""Trajectories that grow with the run: frames of finished segments are appended while the next segment is computed."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, read_json, write_json
from saltflow.dynamics.checkpoints import SegmentFiles
from saltflow.trajectory.h5md import H5MDWriter, set_metadata

log = logging.getLogger(__name__)
APPENDED, BEGINNING = "appended.json", "beginning-{index:03d}.h5md"


class GrowingTrajectories:
    """H5MD files of all cells of a run, in its folder; threads of their own write them, one after another.

    A thread ends with what it appends. One that waited for more would be joined for ever by a process that Ctrl-C ends
    while it starts the thread (`concurrent.futures` does not know it yet).

    `appended.json` says how many segments they hold. It is absent while they are written, so that files which a killed
    run may have damaged are made again from the segments, and from the beginnings that an earlier run left.

    Args:
        segments: of the run.
        cells: at its start; they give species and masses.
    """

    def __init__(self, segments: SegmentFiles, cells: Sequence[Atoms]):
        self.segments, self.cells = segments, cells
        self.paths = [segments.folder / f"cell-{index:03d}.h5md" for index in range(len(cells))]
        self._beginnings = [segments.folder / BEGINNING.format(index=index) for index in range(len(cells))]
        self._marker = segments.folder / APPENDED
        self._writing: Future | None = None

    def begin_with(self, paths: Sequence[str | os.PathLike]) -> None:
        """Keep copies of the files of an earlier run, which these go on from.

        Raises:
            SaltflowError: the disk is full.
        """
        with _room_on_disk(self.segments.folder):
            for path, own in zip(paths, self._beginnings, strict=True):
                with atomic_write(own) as temporary:
                    shutil.copyfile(path, temporary)

    def grow(self) -> None:
        """Begin to append the segments that are finished and not appended yet.

        Raises:
            SaltflowError: those before could not be appended.
        """
        self.wait()
        self._writing = Future()
        Thread(target=self._fulfil, args=(self._writing, self.segments.finished)).start()

    def finish(self, paths: Sequence[str | os.PathLike], *, metadata: Sequence[Mapping]) -> None:
        """Put the files where they belong, by a rename.

        Args:
            paths: one file per cell. metadata: one provenance record per cell.

        Raises:
            SaltflowError: a segment is damaged, or a file cannot be written.
        """
        self.wait()
        self._append(self.segments.finished)
        self._marker.unlink()
        for own, path, record in zip(self.paths, paths, metadata, strict=True):
            set_metadata(own, record)
            with atomic_write(path) as temporary:
                shutil.move(own, temporary)

    def wait(self) -> None:
        """Wait until what was begun is written.

        Raises:
            SaltflowError: it could not be.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _fulfil(self, writing: Future, finished: int) -> None:
        """Append in a thread; what goes wrong is raised where it is waited for."""
        try:
            writing.set_result(self._append(finished))
        except Exception as error:
            writing.set_exception(error)

    def _append(self, finished: int) -> None:
        """Append segments until the files hold the first `finished` ones."""
        appended = self._appended()
        if appended > finished:  # one that was appended turned out to be damaged, and is run again
            appended = 0
        if appended == finished > 0:
            return
        with _room_on_disk(self.segments.folder):
            self._marker.unlink(missing_ok=True)
            begins = all(path.is_file() for path in self._beginnings)
            if begins and appended == 0:
                for path, own in zip(self._beginnings, self.paths, strict=True):
                    shutil.copyfile(path, own)
            writers = [
                H5MDWriter(path, cell, metadata=None if begins or appended else {})
                for path, cell in zip(self.paths, self.cells, strict=True)
            ]
            for frames in self.segments.frames(appended, finished):
                for frame in frames:
                    writer = writers[frame.pop("label")]
                    (writer.append_velocities if "velocities_A_ps" in frame else writer.append)(**frame)
                for writer in writers:
                    writer.flush()
            write_json(self._marker, {"segments": finished})

    def _appended(self) -> int:
        """How many segments the files hold; 0 where they are missing or may be damaged."""
        if not all(path.is_file() for path in self.paths):
            return 0
        try:
            return int(read_json(self._marker)["segments"])
        except (OSError, SaltflowError, KeyError, TypeError, ValueError):
            return 0


@contextmanager
def _room_on_disk(folder: Path) -> Iterator[None]:
    """A sentence where frames cannot be written."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # h5py reports a full disk as either
        raise SaltflowError(
            f"The trajectories in {folder} cannot be written ({error}); free space on its disk and start again: "
            "the run resumes at its last checkpoint."
        ) from error
