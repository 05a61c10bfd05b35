"""The two commands that look at a sweep from outside, on the campaign that has run."""

from workplaces import ON_REQUEST, SALTFLOW, Workplace, call_program

from saltflow.base.provenance import read_json
from saltflow.operations.rules import RULE

POINT = "results/LiCl-crystal/md/500K"


def ask(campaign: Workplace, command: str, *arguments: str) -> str:
    """What `saltflow <command>` prints."""
    call = [*SALTFLOW, command, str(campaign.work), *arguments]
    result = call_program(call, campaign.repo)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_finished_sweep_is_done_and_accounted_for(campaign: Workplace):
    said = ask(campaign, "status")  # of the settings that it was run with
    assert f"--configfile {campaign.config}" in said.splitlines()[-1]
    assert "2 compositions: 2 done, 0 under way, 0 with failed jobs, 0 not started." in said
    assert "Potentials: 2 of 2 released.\n89 jobs: 89 done, 0 running, 0 failed, 0 due." in said
    ranking = ask(campaign, "ranking")
    assert ranking.strip() == (campaign.work / "results/summary/ranking.txt").read_text().strip()
    ask(campaign, "account")
    account = read_json(campaign.work / "account.json")
    assert (account["totals"]["jobs"], account["totals"]["attempts"], account["failures"]) == (89, 89, [])
    assert {rule["rule"] for rule in account["rules"]} == set(RULE) - ON_REQUEST
    assert all(rule["memory_MB"]["requested"] and rule["cores"]["requested"] == 1 for rule in account["rules"])
    assert account["totals"]["cpu_hours"]["reserved"] > account["totals"]["cpu_hours"]["used"] > 0
    dynamics = next(rule for rule in account["rules"] if rule["rule"] == "run_md")
    assert 300 < dynamics["memory_MB"]["peak"] < 3000  # torch alone is 300 MB
    assert account["totals"]["waiting_h"] is None
    assert "LiAlCl4" in (campaign.work / "account.html").read_text()
    # To look is not to touch.
    assert campaign.plan() == {}


def test_a_failed_job_is_shown_with_its_last_word(campaign: Workplace):
    (campaign.work / POINT / "md.json").write_text("{}")
    (campaign.work / POINT / "transport.json").unlink()
    assert campaign.run(f"{POINT}/transport.json").returncode == 1
    said = ask(campaign, "status", "--configfile", campaign.config)
    assert "0 under way, 1 with failed jobs" in said
    assert "analyse_structure (composition LiCl-crystal, temperature 500) failed: Unexpected KeyError" in said
    ranking = ask(campaign, "ranking", "--configfile", campaign.config)
    assert "failed: analyse_structure failed: Unexpected KeyError" in ranking
    ask(campaign, "account")
    (failure,) = read_json(campaign.work / "account.json")["failures"]
    assert (failure["reason"], failure["rule"], failure["attempts"]) == ("failed", "analyse_structure", 1)
    # The attempt before, of the finished campaign, ended well, but what it made is gone.
    assert failure["done_later"] == 0
