"""Four folds, a new model for each, the mean of their scores."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

X, y = load_diabetes(return_X_y=True, scaled=False)
scores, gains = [], []
for number, (train, test) in enumerate(KFold(4, shuffle=True, random_state=8).split(X)):
    keras.backend.clear_session()
    keras.utils.set_random_seed(100 + number)
    prepare = make_pipeline(PowerTransformer(), StandardScaler()).fit(X[train])
    mu, sd = y[train].mean(), y[train].std()
    model = keras.Sequential(
        [keras.Input((X.shape[1],)), layers.Dense(16, "gelu", kernel_regularizer="l2"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.AdamW(0.005, weight_decay=0.01), keras.losses.Huber())
    stop = keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)
    model.fit(
        prepare.transform(X[train]),
        (y[train] - mu) / sd,
        validation_split=0.15,
        epochs=60,
        batch_size=16,
        callbacks=[stop],
        verbose=0,
    )
    predicted = model.predict(prepare.transform(X[test]), verbose=0)[:, 0] * sd + mu
    scores.append(np.abs(predicted - y[test]).mean())
    print("fold", number, scores[-1])
print("RESULT", json.dumps({"mae": float(np.mean(scores))}))
