import json
import numpy as np
import keras
from keras.layers import Dense, Dropout, Input
from keras.models import Sequential

# 3000 gene probes, 300 patients, 20 informative genes: wide and short, so most units are dropped.
keras.utils.set_random_seed(29)
gen = np.random.default_rng(29)
genes, patients = 3000, 460
expression = gen.lognormal(1.0, 0.8, (patients, genes))
informative = gen.choice(genes, 20, replace=False)
log_expr = np.log(expression)
risk = log_expr[:, informative].sum(1) * 0.9
group = (risk > np.median(risk)).astype("int32")

# half of the genes are co-regulated with the informative ones
for k, g in enumerate(informative):
    partners = gen.choice(genes, 25, replace=False)
    log_expr[:, partners] += 0.7 * (log_expr[:, [g]] - log_expr[:, [g]].mean())

X_train, X_test = log_expr[:300], log_expr[300:]
m, s = X_train.mean(0), X_train.std(0)
X_train, X_test = ((X_train - m) / s).astype("float32"), ((X_test - m) / s).astype("float32")
y_train, y_test = group[:300], group[300:]

net = Sequential([
    Input((genes,)),
    Dropout(0.5),
    Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
    Dropout(0.6),
    Dense(1, activation="sigmoid", kernel_regularizer=keras.regularizers.L2(0.01)),
])
net.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(3e-4), metrics=["accuracy", keras.metrics.AUC(name="auc")])
log = net.fit(X_train, y_train, epochs=40, batch_size=20, validation_data=(X_test, y_test), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in log.history.items()}))
