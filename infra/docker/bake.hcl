# docker buildx bake -f infra/docker/bake.hcl [--set '*.platform=linux/amd64' --load]
variable "VERSION" {
  default = "dev"
}

group "default" {
  targets = ["coordinator", "worker", "edge-node"]
}

target "image" {
  name       = image
  matrix     = { image = ["coordinator", "worker", "edge-node"] }
  context    = "."
  dockerfile = "infra/docker/Dockerfile"
  target     = image
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["koinon/${image}:${VERSION}"]
}
