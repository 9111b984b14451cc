# Two stages: the first installs the locked packages, the second holds them and nothing else.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/seedjob
COPY requirements/ requirements/
RUN /opt/seedjob/bin/pip install --require-hashes -r requirements/operator.txt \
 && /opt/seedjob/bin/pip install --require-hashes -r requirements/build.txt --target /opt/build
COPY pyproject.toml README.md LICENSE ./
COPY operator/ operator/
RUN PYTHONPATH=/opt/build /opt/seedjob/bin/pip install --no-deps --no-build-isolation . \
 && /opt/seedjob/bin/pip uninstall --yes pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="seedjob-operator" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/seedjob /opt/seedjob
ENV PATH=/opt/seedjob/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["seedjob-operator"]
CMD ["run"]
