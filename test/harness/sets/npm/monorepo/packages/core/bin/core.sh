#!/bin/sh
echo core
