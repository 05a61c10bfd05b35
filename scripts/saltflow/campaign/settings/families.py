"""Settings of a screened family."""

from pydantic import PositiveInt

from saltflow.campaign.settings.section import Section


class Screening(Section):
    family_path: str | None
    potential: str | None
    protocol: PositiveInt
    members_per_job: PositiveInt
    study_jobs: PositiveInt
