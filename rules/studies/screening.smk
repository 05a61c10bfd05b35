"""The family that `screening.family_path` names, through a funnel; nothing without it.

REQUIRED INPUTS: the family's YAML file and structures, results/potentials/{potential}/released.model where one is named
OUTPUTS: results/studies/screening/screening.tsv, funnel.svg, hull.svg, survivors/, hulls/, a folder for each stage that
         follows the hull, page.json for the results page
"""


rule build_family:
    """Members of the family, substituted, doped and ordered, and the crystals that they compete with."""
    input:
        files=ask.family("files"),
        model=ask.pinned(ask.family("view.model")),
        release=ask.pinned(ask.family("view.release_record")),
    output:
        family="results/studies/screening/family.json",
    log:
        spec["build_family"].log,
    benchmark:
        spec["build_family"].benchmark
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        potential=ask.family("view.driver"),
        code=code_of("build_family"),
    script:
        "../../scripts/build_family.py"


rule relax_family:
    """A share of all crystals, relaxed with their cells as batches. A job that was killed goes on with the others."""
    input:
        family=rules.build_family.output.family,
        model=ask.pinned(ask.family("view.model")),
        release=ask.pinned(ask.family("view.release_record")),
    output:
        part="results/studies/screening/relaxed/{part}.json",
    log:
        spec["relax_family"].log,
    benchmark:
        spec["relax_family"].benchmark
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        potential=ask.family("view.driver"),
        relaxing=ask.family("relaxing"),
        parts=ask.family("relaxations"),
        protocol=campaign.settings.screening.protocol,
    script:
        "../../scripts/relax_family.py"


rule judge_family:
    """Energies above the hull, windows, reactions and isolated anions of all crystals, and who passes."""
    input:
        family=rules.build_family.output.family,
        parts=ask.of_relaxations(rules.relax_family.output.part),
    output:
        judged="results/studies/screening/judged.json",
    log:
        spec["judge_family"].log,
    benchmark:
        spec["judge_family"].benchmark
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        screening=campaign.screening_study,
        potential=ask.family("view.driver"),
        code=code_of("judge_family"),
    script:
        "../../scripts/judge_family.py"


rule study_survivors:
    """Phonons, moduli, barriers and dynamics of a share of the crystals near the hull, where the family asks."""
    input:
        judged=rules.judge_family.output.judged,
        model=ask.pinned(ask.family("view.model")),
        release=ask.pinned(ask.family("view.release_record")),
    output:
        part="results/studies/screening/studied/{part}.json",
    log:
        spec["study_survivors"].log,
    benchmark:
        spec["study_survivors"].benchmark
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        screening=campaign.screening_study,
        potential=ask.family("view.driver"),
        mobile=ask.family("family.mobile"),
        parts=ask.family("studies"),
        protocol=campaign.settings.screening.protocol,
    script:
        "../../scripts/study_survivors.py"


rule rank_family:
    """Every crystal with its numbers or the reason why it was excluded, the best first, and the funnel."""
    input:
        judged=rules.judge_family.output.judged,
        parts=ask.of_studies(rules.study_survivors.output.part),
    output:
        table=shown(
            "results/studies/screening/screening.tsv",
            "summary",
            "screened family",
            caption="screening",
        ),
        funnel=shown(
            "results/studies/screening/funnel.svg",
            "summary",
            "screened family, the funnel",
            caption="screening",
        ),
        hull=shown(
            "results/studies/screening/hull.svg",
            "summary",
            "screened family, energies above the hull",
            caption="screening",
        ),
        page="results/studies/screening/page.json",
    log:
        spec["rank_family"].log,
    benchmark:
        spec["rank_family"].benchmark
    localrule: spec["rank_family"].is_local
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        screening=campaign.screening_study,
        potential=ask.family("view.driver"),
        code=code_of("rank_family"),
    script:
        "../../scripts/rank_family.py"
