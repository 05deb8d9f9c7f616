package hyperv

const number = afHyperV
