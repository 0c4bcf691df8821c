# Every command of the project; `make help` says what each does. CI runs nothing else.
NODE := node_modules/.bin/node
VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
IMAGE ?= mooring:$(VERSION)
ENGINE ?= $(firstword $(foreach name,docker podman buildah,$(shell command -v $(name))))

.DEFAULT_GOAL := help
.PHONY: help start test chaos up down format image dashboards
PROMETHEUS ?=
MINUTES ?= 60

help: ## Shows this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

start: node_modules/.package-lock.json ## Starts one process in memory, with a page and tokens
	@exec $(NODE) service/main.ts --development

test: node_modules/.package-lock.json ## Checks types, lint and tidiness, and runs every test
	@$(NODE) test/programs.ts
	@npm test --silent

chaos: node_modules/.package-lock.json ## Kills pods, Redis and connections under load; see docs/chaos.md
	@exec $(NODE) test/chaos/main.ts

up: node_modules/.package-lock.json ## Starts nginx, three replicas and Redis, and follows the logs
	@exec $(NODE) ingress/nginx/fleet.ts up

down: node_modules/.package-lock.json ## Stops exactly what `make up` started
	@exec $(NODE) ingress/nginx/fleet.ts down

dashboards: node_modules/.package-lock.json ## Draws the dashboards from a live PROMETHEUS=http://..., as one HTML page
	@exec $(NODE) monitoring/picture/main.ts --minutes $(MINUTES) $(PROMETHEUS)

format: node_modules/.package-lock.json ## Formats the code
	@npm run --silent format

image: ## Builds the service's image, IMAGE=mooring:VERSION, with docker, podman or buildah
	@test -n "$(ENGINE)" || { echo 'docker, podman or buildah is needed' >&2; exit 1; }
	$(ENGINE) build --file service/Dockerfile --tag $(IMAGE) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	  --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .
