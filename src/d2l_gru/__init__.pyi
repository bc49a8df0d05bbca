"""The public names and their modules: read by `__init__.py`, editors and type checkers."""

from d2l_gru.history import History as History
from d2l_gru.history import perplexity as perplexity
from d2l_gru.mxnet.ch8 import predict_ch8 as predict_ch8
from d2l_gru.mxnet.ch8 import seq_data_iter_sequential as seq_data_iter_sequential
from d2l_gru.mxnet.ch8 import train_ch8 as train_ch8
from d2l_gru.mxnet.ch8 import train_epoch_ch8 as train_epoch_ch8
from d2l_gru.mxnet.concise import RNNModel as RNNModel
from d2l_gru.mxnet.device import try_all_gpus as try_all_gpus
from d2l_gru.mxnet.device import try_gpu as try_gpu
from d2l_gru.mxnet.generate import predict as predict
from d2l_gru.mxnet.minibatches import SeqDataLoader as SeqDataLoader
from d2l_gru.mxnet.minibatches import load_data_time_machine as load_data_time_machine
from d2l_gru.mxnet.minibatches import seq_data_iter_consecutive as seq_data_iter_consecutive
from d2l_gru.mxnet.minibatches import seq_data_iter_random as seq_data_iter_random
from d2l_gru.mxnet.scratch import RNNModelScratch as RNNModelScratch
from d2l_gru.mxnet.scratch import get_params as get_params
from d2l_gru.mxnet.scratch import gru as gru
from d2l_gru.mxnet.scratch import init_gru_state as init_gru_state
from d2l_gru.mxnet.training import grad_clipping as grad_clipping
from d2l_gru.mxnet.training import gradient_norm as gradient_norm
from d2l_gru.mxnet.training import set_seed as set_seed
from d2l_gru.mxnet.training import sgd as sgd
from d2l_gru.mxnet.training import train as train
from d2l_gru.mxnet.training import train_epoch as train_epoch
from d2l_gru.plotting import PerplexityCurve as PerplexityCurve
from d2l_gru.plotting import use_svg_display as use_svg_display
from d2l_gru.series_of_2019 import DATA_HUB as DATA_HUB
from d2l_gru.series_of_2019 import DATA_URL as DATA_URL
from d2l_gru.series_of_2019 import Accumulator as Accumulator
from d2l_gru.series_of_2019 import Animator as Animator
from d2l_gru.series_of_2019 import Timer as Timer
from d2l_gru.series_of_2019 import download as download
from d2l_gru.series_of_2019 import plot as plot
from d2l_gru.series_of_2019 import plt as plt
from d2l_gru.series_of_2019 import set_axes as set_axes
from d2l_gru.series_of_2019 import set_figsize as set_figsize
from d2l_gru.text import Vocab as Vocab
from d2l_gru.text import count_corpus as count_corpus
from d2l_gru.text import load_corpus_time_machine as load_corpus_time_machine
from d2l_gru.text import ngram_perplexity as ngram_perplexity
from d2l_gru.text import read_time_machine as read_time_machine
from d2l_gru.text import tokenize as tokenize

__version__: str
