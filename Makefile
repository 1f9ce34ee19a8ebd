# Verbs only: each is one line that calls Compose or a script. `make` alone prints this list.
override HOST := @python3 -m scripts.host
.DEFAULT_GOAL := help
.PHONY: help up down restart ps logs doctor rotate user token psql plan apply drift refresh files load alerts jobs ingest secrets clean notify-test backup backups restore drill recover test test-quick lint sbom audit lock faults fuzz bench-load bench-query bench-jobs bench-ingest bench-alerts bench-upload bench-web deploy rollback bench-deploy move upgrade update install

# What is typed as NAME=value reaches the scripts by the environment, letter for letter: neither
# make nor a shell reads it, whatever characters the name of a file has.
$(foreach each,$(.VARIABLES),$(if $(filter command line,$(origin $(each))),\
  $(eval override export $(each) := $$(value $(each)))))

## Stack
up: ## bring everything up: engine, images, secrets, database, services
	$(HOST) up
deploy: ## the commit that is checked out in the place of what runs, unnoticed; see docs/operations.md
	$(HOST) deploy
rollback: ## back to the version before
	$(HOST) rollback
down: ## stop it; data, settings and secrets stay
	$(HOST) down
restart: ## restart a service: make restart S=web
	$(HOST) restart
ps: ## what runs, and how it is
	$(HOST) ps
logs: ## follow the logs: make logs S=web
	$(HOST) logs
doctor: ## examine host, settings, secrets, images and services
	$(HOST) doctor
secrets: ## generate what is missing of the secrets
	$(HOST) secrets
user: ## make or change a user: make user EMAIL=a@example.org ROLE=editor ARGS=--reset
	$(HOST) user
token: ## a token of the API, printed once: make token EMAIL=a@example.org NAME=telegraf ROLE=write
	$(HOST) token
rotate: ## a new secret in the running stack: make rotate SECRET=db_app_password
	$(HOST) rotate
notify-test: ## a test message by each way that notifications take
	$(HOST) notify-test
update: ## all images on the newest packages of the distribution, and back when they fail
	$(HOST) update
install: ## start at boot, and by timers the monthly drill and the weekly update: sudo make install
	$(HOST) install
clean: ## delete containers and their data but the backups, after asking
	$(HOST) clean

## Backups
backup: ## take a backup now: make backup TYPE=full; without, what changed since the last full one
	$(HOST) backup
backups: ## list them, and the times that can be restored to; ARGS=--json
	$(HOST) backups
restore: ## the database as it was: make restore TO='2026-11-25 10:00:00+00', or the newest
	$(HOST) restore
drill: ## restore the newest backup beside the stack, and compare every table
	$(HOST) drill
recover: ## a bare host: make recover FROM=/mnt/backups KEY=backup_key SETTINGS=settings.env
	$(HOST) recover

## Database
psql: ## a session, or SQL from standard input: make psql < query.sql
	$(HOST) psql
plan: ## how the database differs from hypertables.yaml: make plan ARGS=--sql
	$(HOST) provision plan
apply: ## change the database to what the file says
	$(HOST) provision apply
drift: ## exit code 2 when they differ
	$(HOST) provision drift
refresh: ## bring the rollups up to date
	$(HOST) provision refresh
files: ## tracked files and their queue: make files ARGS='list jobs --state waiting'
	$(HOST) files
load: ## a file into a table: make load FILE=readings.csv.gz TABLE=readings ARGS='--tz UTC'
	$(HOST) load
move: ## to another version or edition: make move TO=forky; then CONFIRM=yes or BACK=yes
	$(HOST) move
upgrade: ## newer packages of the same versions, after a backup
	$(HOST) upgrade

## Alerts and jobs
alerts: ## what the rules of alerts.yaml find now; exit code 2 when one fires; ARGS=check
	$(HOST) alerts
jobs: ## what runs, waits and failed: make jobs ARGS='list --state failed'; ARGS=--help
	$(HOST) jobs
ingest: ## usage from the platform: make ingest DAYS=180, or what is missing without
	$(HOST) ingest

## Project
test: ## everything: lint, unit, integration and browser tests
	$(HOST) test
test-quick: ## lint and unit tests, which need no engine
	$(HOST) test-quick
faults: ## kill, stop and starve each part of a stack of its own, and count what is lost: nothing
	$(HOST) faults
fuzz: ## try the API for long by a new seed: make fuzz, or make fuzz ARGS='--fuzz-seed 7'
	$(HOST) fuzz
lint: ## Python, Dockerfiles and Compose files, each by its linter
	$(HOST) lint
sbom: ## what is in every image, as CycloneDX: build/sbom/*.cdx.json
	$(HOST) sbom
audit: ## check it against known advisories; names sources that did not answer
	$(HOST) audit
lock: ## update the lock files
	$(HOST) lock
bench-load: ## rows per second of `make load` against psql \copy
	$(HOST) bench load
bench-query: ## series.query against the raw SQL
	$(HOST) bench query
bench-jobs: ## jobs per second against bare Celery, and how soon a job starts
	$(HOST) bench jobs
bench-alerts: ## seconds to look at 1,000 rules over 4,000 sensors, against the raw SQL
	$(HOST) bench alerts
bench-ingest: ## rows per second over HTTP against psql \copy, and how soon a rollup shows them
	$(HOST) bench ingest
bench-upload: ## a file through the Datasets page against make load of it, and the web's memory
	$(HOST) bench upload
bench-web: ## charts: the series endpoint against its SQL, charts per second, and in a browser
	$(HOST) bench web
bench-deploy: ## deploys under 200 requests/s: requests that failed, and how long they took
	$(HOST) bench deploy

help:
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
