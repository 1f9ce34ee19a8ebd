"""Alerts: rules on series, declared in alerts.yaml and looked at each minute.

    rules       the file as a model, validated
    sources     which series a hypertable has
    statement   one statement for all rules that look at the same, however many series
    observe     what the rules see by it
    looking     all of that, where a rule that cannot be looked at spoils no other
    datasets    those that rules name, and whether they are there
    faults      which rules could not be looked at, and why
    steps       what an alert is after a look: pending, firing, resolved
    changes     what follows from what was seen, and who is told
    evaluate    a look at everything, in one transaction with the messages about it
    silences    of what nobody is told until a time
    listing     what page, API and shell show
    words       rules and alerts in words

A rule and a series have one alert at a time, whose row is there from when its condition begins:
pending until that has held for as long as the rule says, then firing, then resolved. Rows of what
fired are the history.
"""
