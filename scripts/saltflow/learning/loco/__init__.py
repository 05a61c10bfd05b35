"""What the labels of a composition are worth: a potential that learned without them, judged on that composition."""
