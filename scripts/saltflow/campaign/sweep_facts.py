"""What the results page needs to know of a campaign, as plain builtins that a rule can hand on."""

from saltflow.campaign.campaign import Campaign


def sweep_facts(campaign: Campaign) -> dict:
    """The sweep as its tables and settings describe it.

    Args:
        campaign: the checked campaign.

    Returns:
        compositions: id → formula, host, salt, family, mobile_ion, potential and literature, of every row of the table;
        swept: ids; not_swept: id → why; temperatures_K, replicas, target_temperature_K, order_temperature_K;
        dispersion: id → what the dynamics adds; domain: ids whose domain is assessed.
    """
    return {
        "compositions": {
            name: {
                "formula": row.formula,
                "host": row.host or "none",
                "salt": row.salt,
                "family": row.family or "none",
                "mobile_ion": row.mobile_ion,
                "potential": row.potential,
                "literature": campaign.composition(name).literature,
            }
            for name, row in campaign.compositions.items()
        },
        "swept": list(campaign.swept),
        "not_swept": campaign.not_swept,
        "temperatures_K": campaign.temperatures_K,
        "replicas": campaign.replicas,
        "target_temperature_K": campaign.settings.arrhenius.target_temperature_K,
        "order_temperature_K": campaign.order_temperature_K,
        "dispersion": campaign.added_dispersion,
        "domain": campaign.with_domain,
    }
